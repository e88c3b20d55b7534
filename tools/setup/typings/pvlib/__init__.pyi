from pvlib import inverter, irradiance, location, pvsystem, temperature

__all__ = ["inverter", "irradiance", "location", "pvsystem", "temperature"]
