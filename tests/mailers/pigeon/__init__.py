"""A made-up e-mail system that is unlike CleverReach in all that a target may be: members are known by a hash of their
address, an end is an unsubscription, members may be pending or archived, tags are written apart."""
