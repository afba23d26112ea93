"""What the server holds while it runs: the shelf, uploads, jobs, threads and counts."""

import gc

import numpy as np
import torch

from umurl_search.library.library import Library
from umurl_search.serve.browse import Browser
from umurl_search.serve.cache import LibraryCache
from umurl_search.serve.jobs import Jobs
from umurl_search.serve.limits import Limits
from umurl_search.serve.prometheus import Metrics
from umurl_search.serve.queries import QueryService
from umurl_search.serve.thread_pool import ThreadPool
from umurl_search.serve.uploads import Uploads


class Service:
    """A library being served. index: the one meant where none is named; None: the library's default."""

    def __init__(
        self,
        library: Library,
        *,
        index: str | None = None,
        device: str = "auto",
        limits: Limits | None = None,
    ) -> None:
        self.library, self.index, self.limits, self.device = library, index, limits or Limits(), device
        self.shelf = LibraryCache(library, device=device, default=index)
        self.uploads = Uploads(most=self.limits.uploads, most_bytes=self.limits.upload_bytes)
        self.asker = QueryService(self.shelf, self.uploads, bridge_s=self.limits.bridge_s)
        self.browser = Browser(self.shelf)
        self.searches, self.reads = (
            ThreadPool(n, name=name, wait_s=self.limits.wait_s, waiting=self.limits.waiting)
            for n, name in ((self.limits.searches, "search"), (self.limits.reads, "read"))
        )
        self.jobs = Jobs(most_kept=self.limits.jobs_kept, most_waiting=self.limits.jobs_waiting)
        self.measures = Metrics()
        self._watch("searches", self.searches)
        self._watch("reads", self.reads)
        self.measures.gauge("jobs_unfinished", "Jobs that run or wait.", lambda: self.jobs.unfinished)
        self.measures.gauge("uploads", "Clips sent that are held.", lambda: len(self.uploads))
        self.measures.gauge("upload_bytes", "Their frames.", lambda: self.uploads.n_bytes)

    def _watch(self, name: str, workers: ThreadPool) -> None:
        self.measures.gauge(f"{name}_running", f"Threads busy with {name}.", lambda: workers.working)
        self.measures.gauge(f"{name}_waiting", "Requests that wait for one.", lambda: workers.waiting)

    def warm(self) -> None:
        """Opens the default index and its encoder, where there is one, so that the first query need not wait.

        Raises UmurlError where the index meant is not there or cannot be searched.
        """
        snapshot = self.shelf.snapshot()
        if self.index is None and not snapshot.contents["indexes"]:
            return
        snapshot.index(self.index)
        held = self.shelf.index(self.index)
        standing = np.random.default_rng(0).normal(size=(2, 1, 25, 3)).astype(np.float32)
        held.searcher.search([standing], k=1)
        torch.set_num_threads(max(1, torch.get_num_threads() // self.limits.searches))  # they share the cores
        gc.collect()
        gc.freeze()  # what was imported and opened so far stays: it need not be looked through again

    def close(self) -> None:
        gc.unfreeze()
        self.jobs.close()
        self.searches.close()
        self.reads.close()
