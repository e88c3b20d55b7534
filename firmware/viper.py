# islet: what lets a kernel's text run on CPython as well.
# GPL-3.0-or-later
#
# A kernel is a file of loops in viper, on integers and flat arrays. On the chip the decorator and
# the pointer compile to machine code; on CPython they mean nothing and the same text runs plainly.

try:
    import micropython

    ptr32 = None  # the compiler knows the word by itself
except ImportError:

    class micropython:  # type: ignore[no-redef]
        @staticmethod
        def viper(function):
            return function

    def ptr32(buffer):  # type: ignore[no-redef]
        return buffer
