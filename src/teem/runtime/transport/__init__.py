"""What processes of a run share: memory, rings of experience, mailboxes of weights, and bells to wait by."""
