"""Metrics for Prometheus, on loopback unless the settings say otherwise."""

import contextlib
import shutil
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ground_station import report
from ground_station.errors import SettingsError, SpoolError
from ground_station.line import Shared


class StationCollector(Collector):
    """Asks the station whenever it is scraped."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        shared = self._shared
        events = CounterMetricFamily(
            "capra_station_events", "What happened, by its kind", labels=["kind"]
        )
        for kind, total in sorted(shared.totals.snapshot().items()):
            events.add_metric([kind], total)
        yield events
        heard = GaugeMetricFamily(
            "capra_station_last_heard_timestamp_seconds", "Of each collar", labels=["collar"]
        )
        snr = GaugeMetricFamily("capra_station_snr_db", "Of its last frame", labels=["collar"])
        for collar, (at_us, snr_db) in sorted(shared.heard.copy().items()):
            heard.add_metric([str(collar)], at_us / 1e6)
            snr.add_metric([str(collar)], snr_db)
        yield from (heard, snr)
        yield from self._spool()

    def _spool(self) -> Iterator[Metric]:
        path = self._shared.settings.spool
        with contextlib.suppress(SpoolError):
            found = report.read_backlog(path)
            frames = GaugeMetricFamily("capra_station_frames", "In the spool", labels=["state"])
            for state, count in found["frames"].items():
                frames.add_metric([state], count)
            yield frames
            oldest_us = found["oldest_waiting_us"]
            age_s = 0.0 if oldest_us is None else max(0.0, time.time() - oldest_us / 1e6)
            yield GaugeMetricFamily(
                "capra_station_oldest_waiting_seconds", "Age of the oldest that waits", age_s
            )
            yield GaugeMetricFamily(
                "capra_station_duty_cycle_ratio",
                "Airtime of the last hour over what the rules allow",
                found["airtime_last_hour_ms"] / report.limit_ms(),
            )
        free = shutil.disk_usage(path.resolve().parent).free
        yield GaugeMetricFamily("capra_station_disk_free_bytes", "Beside the spool", free)


@contextlib.contextmanager
def serving(shared: Shared) -> Iterator[int]:
    """Serve the metrics of a station at the address of its settings; yields the port, 0 for none.

    Raises:
        SettingsError: the address cannot be used.
    """
    host, _, port = shared.settings.metrics.rpartition(":")
    if not host:
        yield 0
        return
    registry = CollectorRegistry()
    registry.register(StationCollector(shared))
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or error
        raise SettingsError(f"metrics at {shared.settings.metrics}: {said}") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
