// podmonitor does with PodMonitors what the Prometheus Operator and a Prometheus do: it makes the configuration of the former,
// loads it as the latter, finds the pods at the API server and scrapes them. An input of JSON on standard input; what was
// scraped, once as many targets as expected have been, as JSON on standard output.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	operated "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

type input struct {
	Prometheus  monitoringv1.Prometheus    `json:"prometheus"`
	PodMonitors []*monitoringv1.PodMonitor `json:"podMonitors"`
	Targets     int                        `json:"targets"` // to be scraped before the end
	Seconds     int                        `json:"seconds"` // the longest to wait for them
}

type target struct {
	URL    string            `json:"url"`
	Labels map[string]string `json:"labels"`
	Health string            `json:"health"`
	Error  string            `json:"error"`
}

type output struct {
	Config  string              `json:"config"`
	Targets []target            `json:"targets"`
	Samples []map[string]string `json:"samples"` // the labels of all series
}

// series keeps the labels of what is scraped; it is the storage and each of its transactions.
type series struct {
	lock sync.Mutex
	seen map[string]map[string]string
}

func (s *series) AppenderV2(context.Context) storage.AppenderV2 { return s }
func (s *series) Commit() error                                 { return nil }
func (s *series) Rollback() error                               { return nil }

func (s *series) Append(
	_ storage.SeriesRef, found labels.Labels, _, _ int64, _ float64,
	_ *histogram.Histogram, _ *histogram.FloatHistogram, _ storage.AppendV2Options,
) (storage.SeriesRef, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.seen[found.String()] = found.Map()
	return 0, nil
}

func fail(problem error) {
	fmt.Fprintln(os.Stderr, problem)
	os.Exit(1)
}

func must[T any](value T, problem error) T {
	if problem != nil {
		fail(problem)
	}
	return value
}

// pod puts in what the operator's config-reloader knows of the pod that it runs in.
var pod = strings.NewReplacer("$(SHARD)", "0", "$(POD_NAME)", "prometheus-k8s-0")

// configured is the configuration that the operator would give to its Prometheus.
func configured(given input) string {
	generator := must(operated.NewConfigGenerator(nil, &given.Prometheus))
	monitors := map[string]*monitoringv1.PodMonitor{}
	for _, monitor := range given.PodMonitors {
		monitors[monitor.Namespace+"/"+monitor.Name] = monitor
	}
	secrets := assets.NewTestStoreBuilder()
	text := must(generator.GenerateServerConfiguration(&given.Prometheus, nil, monitors, nil, nil, secrets, nil, nil, nil, nil))
	return pod.Replace(string(text))
}

func started(ctx context.Context, loaded *config.Config, into *series) *scrape.Manager {
	registry, logger := prometheus.NewRegistry(), slog.New(slog.NewTextHandler(os.Stderr, nil))
	metrics := must(discovery.CreateAndRegisterSDMetrics(registry))
	finder := discovery.NewManager(ctx, logger, registry, metrics, discovery.Updatert(100*time.Millisecond))
	options := &scrape.Options{DiscoveryReloadInterval: model.Duration(100 * time.Millisecond)}
	scraper := must(scrape.NewManager(options, logger, nil, nil, into, registry))
	jobs := map[string]discovery.Configs{}
	for _, job := range must(loaded.GetScrapeConfigs()) {
		jobs[job.JobName] = job.ServiceDiscoveryConfigs
	}
	must(0, finder.ApplyConfig(jobs))
	must(0, scraper.ApplyConfig(loaded))
	go finder.Run()
	go scraper.Run(finder.SyncCh())
	return scraper
}

// targets are those that have been scraped, or tried.
func targets(scraper *scrape.Manager) []target {
	found := []target{}
	for _, active := range scraper.TargetsActive() {
		for _, item := range active {
			if item.LastScrape().IsZero() {
				continue
			}
			reason := ""
			if problem := item.LastError(); problem != nil {
				reason = problem.Error()
			}
			own := item.Labels(labels.NewBuilder(labels.EmptyLabels())).Map()
			found = append(found, target{item.URL().String(), own, string(item.Health()), reason})
		}
	}
	return found
}

func main() {
	var given input
	must(0, json.NewDecoder(os.Stdin).Decode(&given))
	answer := output{Config: configured(given), Targets: []target{}, Samples: []map[string]string{}}
	loaded := must(config.Load(answer.Config, slog.New(slog.DiscardHandler)))
	into := &series{seen: map[string]map[string]string{}}
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(given.Seconds)*time.Second)
	defer stop()
	scraper := started(ctx, loaded, into)
	for ctx.Err() == nil && len(answer.Targets) < given.Targets {
		time.Sleep(100 * time.Millisecond)
		answer.Targets = targets(scraper)
	}
	scraper.Stop()
	for _, found := range into.seen {
		answer.Samples = append(answer.Samples, found)
	}
	must(0, json.NewEncoder(os.Stdout).Encode(answer))
}
