"""What every part may use: errors, numbers, ids, time, settings, secrets, logs. Knows nothing of venues or windows."""
