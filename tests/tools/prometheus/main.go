// promeval evaluates PromQL on made-up series: an input of JSON on standard input, an answer of JSON on standard output.
// With a file's name it checks that file of rules, as Prometheus does when it loads it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

type input struct {
	Load    string  `json:"load"` // series in the notation of promqltest: load 1m, then one a line
	Expr    string  `json:"expr"`
	Seconds []int64 `json:"seconds"` // when to evaluate, after the first sample
}

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

// failures is the T that promqltest wants.
type failures struct{}

func (failures) Errorf(format string, arguments ...any) { fail(fmt.Errorf(format, arguments...)) }
func (failures) FailNow()                               { os.Exit(1) }

func fail(problem error) {
	fmt.Fprintln(os.Stderr, problem)
	os.Exit(1)
}

func check(path string) {
	if _, problems := rulefmt.ParseFile(path, false, model.UTF8Validation); len(problems) > 0 {
		for _, problem := range problems {
			fmt.Fprintln(os.Stderr, problem)
		}
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) > 1 {
		check(os.Args[1])
		return
	}
	var given input
	if problem := json.NewDecoder(os.Stdin).Decode(&given); problem != nil {
		fail(problem)
	}
	storage := promqltest.LoadedStorage(failures{}, given.Load)
	defer storage.Close()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, EnableAtModifier: true})
	answers := make([][]sample, 0, len(given.Seconds))
	for _, seconds := range given.Seconds {
		query, problem := engine.NewInstantQuery(context.Background(), storage, nil, given.Expr, time.Unix(seconds, 0))
		if problem != nil {
			fail(problem)
		}
		vector, problem := query.Exec(context.Background()).Vector()
		if problem != nil {
			fail(problem)
		}
		found := make([]sample, 0, len(vector))
		for _, item := range vector {
			found = append(found, sample{item.Metric.Map(), item.F})
		}
		answers = append(answers, found)
	}
	if problem := json.NewEncoder(os.Stdout).Encode(answers); problem != nil {
		fail(problem)
	}
}
