package demo

import (
	"strconv"
	"time"
)

// Event is one purchase, with what the feature store shows about its user at that moment and whether it is fraud.
type Event struct {
	TransactionID    string // "tx-" and nine digits, counted from 0.
	UserID           string // "u" and a number.
	Amount           float64
	MerchantCategory int // 0 to 19.
	MerchantID       string
	Currency         string
	Timestamp        time.Time // Event time, whole milliseconds, UTC.

	Row   Row  // What a scorer sees in the store; not part of the event's JSON.
	Fraud bool // The truth, known to the simulation only; not part of the event's JSON.
}

// AppendJSON appends the event as it is published: transaction_id, user_id, amount and merchant_category, which the
// default model reads, and several fields that it must pass over.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"transaction_id":"`...)
	dst = append(dst, e.TransactionID...)
	dst = append(dst, `","user_id":"`...)
	dst = append(dst, e.UserID...)
	dst = append(dst, `","amount":`...)
	dst = strconv.AppendFloat(dst, e.Amount, 'f', -1, 64)
	dst = append(dst, `,"currency":"`...)
	dst = append(dst, e.Currency...)
	dst = append(dst, `","merchant_category":`...)
	dst = strconv.AppendInt(dst, int64(e.MerchantCategory), 10)
	dst = append(dst, `,"merchant":{"id":"`...)
	dst = append(dst, e.MerchantID...)
	dst = append(dst, `","terminal":"t-`...)
	dst = append(dst, e.MerchantID...)
	dst = append(dst, `-1"},"timestamp":"`...)
	dst = e.Timestamp.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, `","entry_mode":"contactless","version":1}`...)
}

// AppendCSV appends the five values a default model is given, in its order, and the label 0 or 1, separated by commas.
// Numbers have the fewest digits that read back as the same number.
func (e *Event) AppendCSV(dst []byte) []byte {
	dst = strconv.AppendFloat(dst, e.Amount, 'f', -1, 64)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(e.MerchantCategory), 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(e.Row.TxCount1h), 10)
	dst = append(dst, ',')
	dst = strconv.AppendFloat(dst, e.Row.AvgAmount1h, 'f', -1, 64)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(e.Row.UniqueMerchants1h), 10)
	if e.Fraud {
		return append(dst, ",1"...)
	}
	return append(dst, ",0"...)
}

// CSVHeader names the columns of AppendCSV.
const CSVHeader = "amount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h,is_fraud"
