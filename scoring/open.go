package scoring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode"
)

// format is one format of model files. To add one, write its reader and add its line to formats.
type format struct {
	is   func(data []byte) bool // Whether a file is of the format, judged by its beginning.
	read func(data []byte) (*forest, error)
}

// formats are the formats that Open reads.
var formats = []format{
	{isLightGBM, readLightGBM},
	{isXGBoostJSON, readXGBoostJSON},
	{isXGBoostUBJSON, readXGBoostUBJSON},
}

// Open reads a model from the bytes of its file, which it recognises by their beginning, and makes it
// ready to score. The bytes are not kept. An error is one line: it says what the file is or where it
// is broken, and what to do about it.
//
// LightGBM's text format is read, versions v2 to v4, and XGBoost's JSON and UBJSON, versions 1.0 to 3.x.
// Everything else is refused by name.
func Open(data []byte, o Options) (*Model, error) {
	f, err := read(data)
	if err != nil {
		return nil, err
	}
	return newModel(f, o)
}

// read reads a file of any known format.
func read(data []byte) (*forest, error) {
	for _, format := range formats {
		if format.is(data) {
			return format.read(data)
		}
	}
	return nil, errors.New(refusal(data))
}

// resave is the mend for what holds a model that only its own library can open.
const resave = "re-save it as text with booster.save_model('model.txt') " +
	"(model.booster_.save_model for LightGBM's scikit-learn classes)"

// resaveXGBoost is the mend for an XGBoost model in a form that is not read.
const resaveXGBoost = "re-save it as JSON with save_model('model.json')"

// beginning is how much of a file is looked at to recognise it.
const beginning = 4096

// refusal names a file that is not read, and the mend.
func refusal(data []byte) string {
	if len(data) == 0 {
		return "the file is empty"
	}
	head := data[:min(len(data), beginning)]
	for _, known := range []func([]byte) string{refuseArchive, refusePython, refuseXGBoost, refuseText, refuseBinary} {
		if why := known(head); why != "" {
			return why
		}
	}
	return fmt.Sprintf("not a model in a known format (it begins %s); LightGBM text begins with the line \"tree\", XGBoost with {", quoted(head))
}

func refuseArchive(head []byte) string {
	for _, kind := range []struct{ magic, name string }{
		{"\x1f\x8b", "gzip"},
		{"BZh", "bzip2"},
		{"\xfd7zXZ", "xz"},
		{"\x28\xb5\x2f\xfd", "zstd"},
		{"PK\x03\x04", "zip"},
		{"x\x01", "zlib"},
		{"x\x9c", "zlib"},
		{"x\xda", "zlib"},
	} {
		if bytes.HasPrefix(head, []byte(kind.magic)) {
			why := kind.name + "-compressed files are not read: unpack it first"
			if kind.name == "zlib" || kind.name == "zip" {
				why += "; if joblib or pickle wrote it, " + resave
			}
			return why
		}
	}
	return ""
}

// refusePython recognises pickles of protocol 2 and later by their PROTO opcode, and the older ones by
// the GLOBAL opcode with which a pickled object begins.
func refusePython(head []byte) string {
	protocol := len(head) > 1 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
	global := bytes.HasPrefix(head, []byte("ccopy_reg\n")) || bytes.HasPrefix(head, []byte("ccopyreg\n")) ||
		bytes.HasPrefix(head, []byte("clightgbm")) || bytes.HasPrefix(head, []byte("cxgboost"))
	if protocol || global {
		return "a Python pickle or joblib file, which only Python can open: if it holds LightGBM's model, " + resave +
			"; if XGBoost's, " + resaveXGBoost
	}
	return ""
}

func refuseXGBoost(head []byte) string {
	trimmed := bytes.TrimLeftFunc(head, unicode.IsSpace)
	switch {
	case bytes.HasPrefix(head, []byte("binf")), bytes.HasPrefix(head, []byte("bs64")), oldXGBoost(head):
		return "XGBoost's old binary format is not read: load it with XGBoost 2.1 or older and " + resaveXGBoost
	case bytes.HasPrefix(trimmed, []byte("[")) && bytes.Contains(head, []byte(`"nodeid"`)),
		bytes.HasPrefix(head, []byte("booster[")), bytes.HasPrefix(head, []byte("0:[")):
		return "XGBoost's dump of trees is not a whole model: " + resaveXGBoost
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) && bytes.Contains(head, []byte(`"learner"`)):
		return "XGBoost JSON with a byte order mark before its first {: write it without"
	}
	return ""
}

// oldXGBoost recognises the old binary format without its magic bytes: a block of 136 bytes of
// parameters, then the objective's name with its length in 64 bits before it.
func oldXGBoost(head []byte) bool {
	const parameters = 136
	if len(head) < parameters+8 {
		return false
	}
	n := binary.LittleEndian.Uint64(head[parameters:])
	rest := head[parameters+8:]
	if n < 3 || n > 40 || n > uint64(len(rest)) {
		return false
	}
	name := rest[:n]
	return bytes.HasPrefix(name, []byte("binary:")) || bytes.HasPrefix(name, []byte("reg:")) ||
		bytes.HasPrefix(name, []byte("multi:")) || bytes.HasPrefix(name, []byte("rank:")) ||
		bytes.HasPrefix(name, []byte("count:")) || bytes.HasPrefix(name, []byte("survival:"))
}

func refuseText(head []byte) string {
	trimmed := bytes.TrimLeftFunc(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), unicode.IsSpace)
	lower := bytes.ToLower(trimmed[:min(len(trimmed), 64)])
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")) && bytes.Contains(head, []byte(`"tree_info"`)),
		bytes.HasPrefix(trimmed, []byte("{")) && bytes.Contains(head, []byte(`"num_tree_per_iteration"`)):
		return "LightGBM's dump_model JSON is not read: " + resave
	case bytes.HasPrefix(trimmed, []byte("{")):
		return "a JSON file, but neither XGBoost's nor LightGBM's; LightGBM text begins with the line \"tree\""
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")):
		return "a web page, not a model: look at where it was downloaded from"
	case bytes.HasPrefix(lower, []byte("<?xml")), bytes.HasPrefix(lower, []byte("<pmml")):
		return "XML (PMML) is not read: save the model in its own library's format"
	case bytes.HasPrefix(lower, []byte("version https://git-lfs")):
		return "a Git LFS pointer, not the model it stands for: run git lfs pull"
	case bytes.HasPrefix(trimmed, []byte("tree")) && len(trimmed) < len(head):
		return "LightGBM text with something before its first line \"tree\": " + resave
	case bytes.Equal(trimmed, []byte("tree")):
		return "LightGBM text that ends after its first line: it is cut short"
	}
	return ""
}

func refuseBinary(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("CBM1")):
		return "CatBoost models are not read: train with LightGBM"
	case len(head) > 2 && head[0] == 0x08 && head[1] <= 20 && (head[2] == 0x12 || bytes.Contains(head, []byte("onnx"))):
		// A protobuf whose first field is a small integer (ir_version), then a string (producer_name).
		return "ONNX is not read: save the model in its own library's format (LightGBM: booster.save_model)"
	}
	return ""
}
