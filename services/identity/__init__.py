"""Who a card's holder is, whether they may unlock it, and where we may write to them."""
