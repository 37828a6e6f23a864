package scoring_test

import (
	"fmt"
	"log"
	"math"
	"os"

	"millrace/scoring"
)

// A model file becomes a Model once; then any number of goroutines score rows with it.
func ExampleOpen() {
	data, err := os.ReadFile("../testdata/models/fraud_model_v2.txt")
	if err != nil {
		log.Fatal(err)
	}
	model, err := scoring.Open(data, scoring.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.FeatureNames())
	rows := []float64{
		18.25, 2, 1, 8.49, 1,
		990, 7, 14, math.NaN(), 9, // NaN is a missing value.
	}
	scores := make([]float64, 2*model.Outputs())
	if err := model.Predict(scores, rows); err != nil {
		log.Fatal(err)
	}
	fmt.Println(scores[0] < scores[1])
	// Output:
	// [amount merchant_category tx_count_1h avg_amount_1h unique_merchants_1h]
	// true
}
