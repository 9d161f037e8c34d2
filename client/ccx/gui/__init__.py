"""The window: `ccx gui`. What is shown and said stands in plain objects (`model`, `connection`, `running`, `marks`);
widgets are thin.
"""
