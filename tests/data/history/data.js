window.BENCHMARK_DATA = {
  "lastUpdate": 1767312000000,
  "repoUrl": "https://github.com/owner/models",
  "entries": {
    "Benchmark": [
      {
        "commit": {
          "author": {"email": "a@example.org", "name": "A", "username": "a"},
          "id": "1111111111111111111111111111111111111111",
          "message": "First",
          "timestamp": "2026-01-01T12:00:00+01:00",
          "url": "https://github.com/owner/models/commit/1111111"
        },
        "date": 1767268800000,
        "tool": "pytest",
        "benches": [
          {"name": "tests/test_a.py::test_sum[10]", "value": 2000.5, "unit": "iter/sec", "range": "stddev: 0.1", "extra": "mean: 500 usec\nrounds: 9"},
          {"name": "tests/test_a.py::test_sort", "value": 8, "unit": "iter/sec", "range": "stddev: 0.1", "extra": "mean: 125 msec\nrounds: 9"}
        ]
      },
      {
        "commit": {"id": "2222222222222222222222222222222222222222", "message": "Second", "timestamp": "2026-01-02T12:00:00Z", "url": ""},
        "date": 1767355200000,
        "tool": "pytest",
        "benches": [
          {"name": "tests/test_a.py::test_sum[10]", "value": 1000, "unit": "iter/sec"},
          {"name": "tests/test_a.py::test_sort", "value": "8.5", "unit": "iter/sec"}
        ]
      }
    ],
    "Rust Benchmark": [
      {
        "commit": {"id": "1111111111111111111111111111111111111111", "message": "First", "url": ""},
        "date": 1767268900000,
        "tool": "cargo",
        "benches": [{"name": "http1::get (parallel)", "range": "± 120", "unit": "ns/iter", "value": 52000}]
      }
    ],
    "Sizes": [
      {
        "commit": {"id": "1111111111111111111111111111111111111111", "message": "First", "url": ""},
        "date": 1767269000000,
        "tool": "customSmallerIsBetter",
        "benches": [
          {"name": "peak", "unit": "MiB", "value": 2},
          {"name": "start", "unit": "µs", "value": 250},
          {"name": "failures", "unit": "count", "value": 3}
        ]
      }
    ],
    "Throughput": [
      {
        "commit": {"id": "1111111111111111111111111111111111111111", "message": "First", "url": ""},
        "date": 1767269100000,
        "tool": "customBiggerIsBetter",
        "benches": [{"name": "requests", "unit": "reqs/sec", "value": 90.5}, {"name": "score", "unit": "points", "value": 7}]
      }
    ]
  }
};
