# islet: documents of sites and scenarios of an earlier form.
# GPL-3.0-or-later
