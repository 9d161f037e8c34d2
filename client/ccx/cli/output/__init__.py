"""What commands print, and the exit code they end with."""
