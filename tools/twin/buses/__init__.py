"""What hangs on the house's wires: Modbus devices served by pymodbus, and MQTT brokers."""
