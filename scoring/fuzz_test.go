package scoring

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzLightGBM holds that no text makes Open or Predict panic, hang, take memory out of proportion, or score
// otherwise than the file says. Where there is a seed, numbers are swapped by it: bytes changed at random
// seldom get far.
func FuzzLightGBM(f *testing.F) {
	for seed := range uint64(50) {
		f.Add([]byte(small), seed)
		f.Add([]byte(linear), seed)
	}
	for _, edit := range edits {
		f.Add([]byte(strings.Replace(small, edit.from, edit.to, 1)), uint64(0))
	}
	for _, edit := range linearEdits {
		f.Add([]byte(strings.Replace(linear, edit.from, edit.to, 1)), uint64(0))
	}
	for _, file := range modelFiles(f) {
		data := readModel(f, file)
		if end := bytes.Index(data, []byte("end of trees\n")); isLightGBM(data) && end > 0 && end < 4000 {
			f.Add(data[:end+13], uint64(0))
		}
	}
	f.Add([]byte(strings.Replace(small, "objective=binary sigmoid:1", "average_output", 1)), uint64(0))
	f.Add([]byte(strings.Replace(small, "threshold=0.5", "threshold=inf", 1)), uint64(0))
	f.Add([]byte(strings.Replace(small, "cat_threshold=6 1", "cat_threshold=0 0", 1)), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if seed != 0 {
			data = swapNumbers(newDice(seed, nil), data)
		}
		tryOpen(t, data)
	})
}
