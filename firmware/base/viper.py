# islet: what lets the device's text run on CPython as well.
# GPL-3.0-or-later
#
# A kernel is a file of loops in viper, on integers and flat arrays. On the chip the decorators and
# the pointers compile to machine code; on CPython they mean nothing and the text runs plainly.

try:
    import micropython
    from micropython import const

    ptr8 = ptr16 = ptr32 = None  # the compiler knows the words by itself
except ImportError:

    def const(value):  # type: ignore[no-redef]
        return value

    class micropython:  # type: ignore[no-redef]
        @staticmethod
        def viper(function):
            return function

        @staticmethod
        def native(function):
            return function

    def _same(buffer):
        return buffer

    ptr8 = ptr16 = ptr32 = _same  # type: ignore[assignment]
