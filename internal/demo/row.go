package demo

import "strconv"

// Row is what the feature store shows about a user: the hour before the last refresh. Known is false for a user
// who has no row at all; the numbers are then zero, which is what a model is given in their place.
type Row struct {
	Known             bool
	TxCount1h         int
	AvgAmount1h       float64 // In the card's currency, two decimals.
	UniqueMerchants1h int
}

// Update is a row the feature writer owes the store.
type Update struct {
	UserID string
	Row    Row
}

// AppendJSON appends the row as it is stored under features:{user_id}.
func (r Row) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"tx_count_1h":`...)
	dst = strconv.AppendInt(dst, int64(r.TxCount1h), 10)
	dst = append(dst, `,"avg_amount_1h":`...)
	dst = strconv.AppendFloat(dst, r.AvgAmount1h, 'f', -1, 64)
	dst = append(dst, `,"unique_merchants_1h":`...)
	dst = strconv.AppendInt(dst, int64(r.UniqueMerchants1h), 10)
	return append(dst, '}')
}
