# islet: the links to people and their systems: words, state, commands, MQTT, web.
# GPL-3.0-or-later
