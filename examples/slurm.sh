#!/bin/bash
# Ingests a dataset and builds an index of it, in job arrays of N tasks each, every step after the one before:
#
#   UMURL_LIBRARY=/shared/library UMURL_DATA=/shared/recordings examples/slurm.sh ntu120 16
#
# What sbatch should know besides, it reads of variables: SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT.
# After a failure run it again: shards that are sealed are skipped.
set -eu
name=$1
last=$(($2 - 1))

submit() { # NAME-OF-JOB WHAT-IT-WAITS-FOR COMMAND [OPTION]
    sbatch --parsable --kill-on-invalid-dep=yes --job-name="$1" ${2:+--dependency="afterok:$2"} --wrap "$3" ${4:+"$4"}
}

read=$(submit "ingest-$name" "" "umurl-search ingest $name" "--array=0-$last")
read_all=$(submit "gather-$name" "$read" "umurl-search ingest $name --gather")
embed=$(submit "embed-$name" "$read_all" "umurl-search build-index $name" "--array=0-$last")
submit "index-$name" "$embed" "umurl-search build-index $name --gather"
