package demo

import "bytes"

// poisonKinds is how many ways poison knows to spoil an event.
const poisonKinds = 4

// poison spoils an event's JSON: nothing that could be scored is left, yet each one differs, so that it can be
// recognised byte for byte among the dead letters. It returns new bytes.
func poison(value []byte, kind int) []byte {
	amount := bytes.Index(value, []byte(`"amount":`))
	end := amount + bytes.IndexByte(value[amount:], ',')
	switch kind % poisonKinds {
	case 0: // Cut off in transit.
		return bytes.Clone(value[:len(value)/2])
	case 1: // No amount.
		return append(bytes.Clone(value[:amount]), value[end+1:]...)
	case 2: // The amount in words.
		return append(append(bytes.Clone(value[:amount]), `"amount":"a lot"`...), value[end:]...)
	default: // Two amounts.
		return append(append(bytes.Clone(value[:amount]), `"amount":0.01,`...), value[amount:]...)
	}
}
