# SPDX-License-Identifier: MIT
# A text file as the lines of a C string literal.
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
