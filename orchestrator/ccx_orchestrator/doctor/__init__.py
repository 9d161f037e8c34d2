"""Checks of a host by doing: what `ccx doctor` reports. Changes nothing, leaves nothing behind."""
