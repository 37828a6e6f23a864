package scoring

import (
	"strings"
	"testing"
)

// TestForeignFiles holds that what is no model is told by name, with the mend.
func TestForeignFiles(t *testing.T) {
	old := append(make([]byte, 136), "\x0f\x00\x00\x00\x00\x00\x00\x00binary:logistic\x06\x00\x00\x00\x00\x00\x00\x00gbtree"...)
	for _, file := range []struct{ name, data, want string }{
		{"empty", "", "the file is empty"},
		{"junk", "\x00\x01\x02junk", `not a model in a known format (it begins "\x00\x01\x02junk")`},
		{"text", "hello\n", `LightGBM text begins with the line "tree"`},
		{"XGBoost JSON behind a byte order mark", "\xef\xbb\xbf{\"learner\":{\"gradient_booster\":{\"tree_info\":[]}}}", "byte order mark"},
		{"pickle", "\x80\x04\x95\x10\x00", "Python pickle or joblib file, which only Python can open: if it holds LightGBM's model, re-save it as text with booster.save_model('model.txt')"},
		{"old pickle", "ccopy_reg\n_reconstructor\n", "Python pickle"},
		{"gzip", "\x1f\x8b\x08\x00", "gzip-compressed files are not read: unpack it first"},
		{"zlib joblib", "x\x9c\x01\x02", "zlib-compressed"},
		{"zip", "PK\x03\x04....", "zip-compressed"},
		{"XGBoost binary", "binf\x00\x00\x00?", "XGBoost's old binary format is not read"},
		{"XGBoost binary without magic", string(old), "XGBoost's old binary format is not read"},
		{"LightGBM JSON", `{"name":"tree","version":"v4","num_class":1,"tree_info":[]}`, "LightGBM's dump_model JSON is not read"},
		{"JSON", `{"a":1}`, "a JSON file, but neither"},
		{"ONNX", "\x08\x09\x12\x08skl2onnx", "ONNX is not read"},
		{"web page", "<!DOCTYPE html><html>", "a web page"},
		{"LFS", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		{"CatBoost", "CBM1....", "CatBoost"},
		{"byte order mark", "\xef\xbb\xbftree\nversion=v4\n", `before its first line "tree"`},
		{"first line only", "tree", "it is cut short"},
	} {
		if _, err := Open([]byte(file.data), Options{}); err == nil || !strings.Contains(err.Error(), file.want) {
			t.Errorf("%s: Open = %v, want %q", file.name, err, file.want)
		}
	}
}
