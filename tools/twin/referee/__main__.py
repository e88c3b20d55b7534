# islet: `python -m tools.twin.referee` prints the referee's rules.
# GPL-3.0-or-later
from tools.twin.referee import documentation

for line in documentation():
    print(line)
