# islet: builds the circuit board, loads the configuration, runs the app.
# GPL-3.0-or-later

from firmware import maintenance

if maintenance.held():
    print("islet is stopped for maintenance; machine.reset() starts it again")
else:
    from firmware import app

    app.main()
