package renewal

import "log/slog"

// quiet is the log of a test in which something goes wrong.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
