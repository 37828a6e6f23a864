package demo

// category is one kind of merchant. Its place in categories() is the merchant_category code of the events.
type category struct {
	name    string
	share   float64 // Of honest purchases away from a card's home merchants.
	typical float64 // Typical amount relative to the card's own mean.
	resale  bool    // Goods that turn into money again: where stolen cards are spent.
}

// categories lists the twenty kinds of merchants, codes 0 to 19.
func categories() []category {
	return []category{
		{name: "groceries", share: 16, typical: 0.9},
		{name: "fuel", share: 8, typical: 1.1},
		{name: "restaurants", share: 11, typical: 0.8},
		{name: "cafes", share: 9, typical: 0.25},
		{name: "public transport", share: 8, typical: 0.2},
		{name: "electronics", share: 3, typical: 3.2, resale: true},
		{name: "pharmacies", share: 5, typical: 0.6},
		{name: "clothing", share: 6, typical: 1.4},
		{name: "gift cards", share: 1.5, typical: 1.1, resale: true},
		{name: "hotels", share: 2, typical: 3.5},
		{name: "airlines", share: 1.5, typical: 5},
		{name: "online games", share: 3, typical: 0.5, resale: true},
		{name: "streaming", share: 4, typical: 0.3},
		{name: "furniture", share: 2, typical: 3},
		{name: "sports", share: 3, typical: 1.3},
		{name: "jewellery", share: 1, typical: 4, resale: true},
		{name: "books", share: 4, typical: 0.5},
		{name: "utilities", share: 4, typical: 2},
		{name: "money transfer", share: 2, typical: 2.2, resale: true},
		{name: "parking", share: 6, typical: 0.15},
	}
}
