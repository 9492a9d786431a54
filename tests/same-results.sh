#!/usr/bin/env bash
# Holds the results of two versions of this project beside each other: faces, classifications and trained weights must be
# the same bytes. Run it on a change that only moves code, to show that the results stay the same:
#
#   git worktree add /tmp/before COMMIT && tests/same-results.sh /tmp/before . LFW
#
# LFW is a folder in the public layout (see "Training and fitting" in README.md). Both versions run on this machine: another kind of
# processor computes other last bits.
set -euo pipefail

[ $# -eq 3 ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }
before=$(realpath "$1") after=$(realpath "$2") lfw=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
different=0

for version in "$before" "$after"; do
    (cd "$version" && cargo build --quiet --release --locked && cargo build --quiet --release --locked -p classifier-svc)
done

# same WHAT FILE: whether both versions made the same file.
same() {
    if cmp --silent "$work/before/$2" "$work/after/$2"; then
        echo "same       $1"
    else
        echo "DIFFERENT  $1"
        different=1
    fi
}

# same_picture WHAT FILE: whether both versions made the same pixels. The files also say which version made them.
same_picture() {
    if (cd "$after" && cargo run --quiet --release --locked -p deepface-images --example same_pixels -- \
        "$work/before/$2" "$work/after/$2"); then
        echo "same       $1"
    else
        echo "DIFFERENT  $1"
        different=1
    fi
}

# both PROGRAM ARGUMENT...: runs it in both versions, each in a folder of its own, without the pictures of earlier runs.
both() {
    local program=$1
    shift
    for version in before after; do
        mkdir -p "$work/$version"
        rm -f "$work/$version"/{face,sheet}.png "$work/$version/steps.gif"
        (cd "$work/$version" && "${!version}/target/release/$program" "$@" >"output" 2>"errors") ||
            { echo "FAILED     $version: $program $*"; cat "$work/$version/errors"; exit 1; }
    done
}

face() {
    both deepface generate "$@" --output face.png
    same_picture "generate $*" face.png
}

face Male Smiling Eyeglasses
face "Middle Aged" --not Smiling --seed 3
face blond_hair Smiling=2
face Male --sheet sheet.png --gif steps.gif
same_picture "  its contact sheet" sheet.png
same "  its animation" steps.gif
face "Wearing Hat" --keep Male
face Male --paper
face Male Smiling --method regression --residual diagonal --variety 1.2 --layer fc6
face Senior "Gray Hair" --method cgmm-mean --seed 5
face Black Youth --method cgmm-sample --seed 6
face Male --not Smiling --method class-visualization --seed 7

mapfile -t photographs < <(find "$lfw" -name '*_0001.jpg' | sort | sed -n '1~500p' | head -n 10)
[ ${#photographs[@]} -eq 10 ] || { echo "expected at least ten people in $lfw"; exit 1; }
both deepface classify --aligned --json "${photographs[@]}"
same "classify --json of ten photographs" output
both deepface classify --detect --json "${photographs[@]}"
same "classify --detect --json of ten photographs" output
both deepface invert --aligned "${photographs[0]}" --layer conv3_3 --output face.png
same_picture "invert --layer conv3_3" face.png
both deepface activations --aligned "${photographs[@]}" --layer fc7 --output fc7.safetensors
same "activations --layer fc7" fc7.safetensors

rm -rf "$work"/{before,after}
both classifier-svc train --data "$lfw" --arch vgg-face-tiny --limit 512 --epochs 2 --output tiny.safetensors
same "weights of a tiny network" tiny.safetensors
same "  its metrics" tiny.metrics.md

exit $different
