"""What hears the collars: one module per kind, all behind `ground_station.receiver.Receiver`."""
