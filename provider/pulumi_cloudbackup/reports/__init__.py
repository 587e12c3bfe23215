"""Problems and plans as text, JSON and more: renders values, decides nothing. Pure."""
