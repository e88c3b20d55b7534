# islet: what speaks a device's language over a line of bus/.
# GPL-3.0-or-later
#
#   meter             a meter, as its profile's rows of registers have it (profile)
#   sunspec_models    finds a SunSpec device's models      sunspec_inverter  reads it, commands it
#   sunspec_control   its setpoint, written and confirmed  sunspec_meter     a meter found likewise
#   family            a converter as its profile says
#   family_control    its setpoint, as its plans say (plans)
#   sunspec_storage   a family whose registers are found: an older inverter with a storage
