"""Mutations of what proposes, scores and pairs neighbours."""

from mutation_lists.mutation import Mutation

CODES = "umurl_search/index/bounded_codes.py"
NEIGHBOURS = "umurl_search/index/exact_knn.py"
ON_DEVICE = "umurl_search/index/device_vectors.py"
FAISS_GPU = "umurl_search/index/faiss_gpu.py"
PAIRS = "umurl_search/index/all_pairs.py"

_OUTSIDE = "tests/test_index_bounded_codes.py::test_a_bound_holds_where_the_query_lies_outside_the_axes"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        CODES,
        "return left.sqrt() * _ROUNDED_UP",
        "return left.sqrt() * 0",
        "tests/test_index_bounded_codes.py::test_the_length_outside_the_axes_is_never_too_short",
    ),
    Mutation(
        CODES,
        "lost = 2 * _product_error(centred.shape[1]) + _SQUARED",
        "lost = 0.0",
        "tests/test_index_bounded_codes.py::test_the_length_outside_the_axes_is_never_too_short",
    ),
    Mutation(
        CODES,
        "lost = 2 * _product_error(centred.shape[1]) + _SQUARED",
        "lost = 1e-6",
        f"{_OUTSIDE}_and_the_gallery_within",
    ),
    Mutation(
        CODES,
        "_bound_outside(centred, inside), beside, inside",
        "_bound_outside(centred, inside), 0 * beside, inside",
        "tests/test_index_bounded_codes.py::test_a_steep_spectrum_is_searched_exactly",
    ),
    Mutation(
        CODES,
        "summed + computed + q.double() @ self.mean.double()",
        "summed + computed",
        "tests/test_index_bounded_codes.py::test_a_steep_spectrum_is_searched_exactly",
    ),
    Mutation(
        CODES,
        "q = rows[block]\n",
        "q = rows[: len(rows[block])]\n",
        "tests/test_index_bounded_codes.py::test_queries_in_blocks_are_coded_as_all_at_once",
    ),
    Mutation(
        NEIGHBOURS,
        "torch.maximum(last, scores[:, -1])",
        "scores[:, -1]",
        "tests/test_index_exact_knn.py::test_what_lies_outside_the_leading_axes_hides_no_neighbour",
    ),
    Mutation(
        NEIGHBOURS,
        "torch.maximum(last, scores[:, -1])",
        "last",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "last.double() + asked.above[mine]",
        "last.double() + asked.above[0]",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "(best.scores[:, -1] <= proposed.bound)",
        "(best.scores[:, 0] <= proposed.bound)",
        "tests/test_index_exact_knn.py::test_nearest_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "order = np.lexsort((rows, -scores), axis=1)[:, :k]",
        "order = np.lexsort((-rows, -scores), axis=1)[:, :k]",
        "tests/test_index_exact_knn.py::test_a_tie_longer_than_what_is_proposed_goes_by_position",
    ),
    Mutation(
        NEIGHBOURS,
        "order = np.lexsort((rows, -scores), axis=1)[:, :k]",
        'order = np.argsort(-scores, axis=1, kind="stable")[:, :k]',
        "tests/test_index_exact_knn.py::test_nearest_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "(held[None] == asking[:, None]) & (asking >= 0)[:, None]",
        "held[None] == asking[:, None]",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "groups[1][part]",
        "groups[1][: len(queries)]",
        "tests/test_index_exact_knn.py::test_what_lies_outside_the_leading_axes_hides_no_neighbour",
    ),
    Mutation(
        NEIGHBOURS,
        "proposed.bound > -np.inf  # else",
        "True  # else",
        "tests/test_index_exact_knn.py::test_a_query_of_few_neighbours_is_not_asked_again",
    ),
    Mutation(
        NEIGHBOURS,
        "open_still[asking] = (best",
        "open_still[everyone[: len(asking)]] = (best",
        "tests/test_index_exact_knn.py::test_blocks_of_a_coded_gallery_change_nothing",
    ),
    Mutation(
        PAIRS,
        "least = above - asked.above\n",
        "least = above - 0 * asked.above\n",
        "tests/test_index_all_pairs.py::test_pairs_of_a_coded_gallery_are_brute_force",
    ),
    Mutation(
        PAIRS,
        "groups=(numbers, numbers[sample])",
        "groups=(numbers, numbers)",
        "tests/test_index_all_pairs.py::test_the_usual_distance_of_a_sample_leaves_out_each_rows_own_number",
    ),
    Mutation(
        NEIGHBOURS,
        "scores[again] = made",
        "pass",
        "tests/test_index_exact_knn.py::test_a_tie_longer_than_what_is_proposed_goes_by_position",
    ),
    Mutation(
        ON_DEVICE,
        "return proposer.propose_for(points, allowed=allowed)",
        "return proposer.propose_for(points)",
        "tests/test_index_device_vectors.py::test_a_whole_search_on_a_device_that_is_not_there",
    ),
    Mutation(
        ON_DEVICE,
        "fetch <= MOST_PROPOSED and (len",
        "(len",
        "tests/test_index_device_vectors.py::test_more_than_faiss_finds_there_are_found",
    ),
    Mutation(
        FAISS_GPU,
        "held.enter_context(gpu.lock)",
        "pass",
        "tests/test_index_faiss_gpu.py::test_one_thread_at_a_time_is_in_faiss",
    ),
)
