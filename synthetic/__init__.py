"""The synthetic province: people, lives, deliveries and ground truth."""
