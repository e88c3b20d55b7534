# islet: comparing secrets.
# GPL-3.0-or-later


def same(a, b):
    """Compare two secrets, as bytes, in a time that tells nothing about them but their lengths."""
    different = len(a) ^ len(b)
    for i in range(len(a)):
        different |= a[i] ^ (b[i] if i < len(b) else 1)
    return not different
