# islet: builds the circuit board, loads the configuration, runs the app.
# GPL-3.0-or-later

from firmware import app

app.main()
