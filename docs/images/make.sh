#!/usr/bin/env bash
# The pictures of docs/report.md: needs chromium. From the repository's folder:
#
#     bash docs/images/make.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

report() {
    cargo run --quiet --release -p castiron-cli -- report --quiet "$@"
}

# A section of a page, by its id, in a window so high.
picture() {
    local name=$1 page=$2 section=$3 height=$4
    sed "s|</head>|<style>section:not(#$section), #one, header, nav, footer, .controls:has(#choose) { display: none !important }</style></head>|" \
        "$folder/$page.html" >"$folder/section.html"
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=2000 --window-size="1100,$height" \
        --screenshot="docs/images/report-$name.png" "file://$folder/section.html" 2>/dev/null
}

report tests/data/models/resnet8_int8.tflite -o "$folder/residual.html"
report tests/data/models/kws_dscnn_f16.tflite -o "$folder/keywords.html"
report tests/data/models/dynamic_batch_dense3d.tflite -o "$folder/batch.html"
report examples/models/*.tflite tests/data/models/multi_io_*.tflite tests/data/models/kws_*.tflite --goldens tests/data/models/golden \
    --board nucleo_f401re -o "$folder/several.html"
picture overview keywords overview 500
picture advice keywords advice 540
picture graph residual graph 700
picture memory keywords memory 800
picture operators residual operators-section 780
picture flash keywords flash-section 700
picture passes batch passes-section 330
picture tflm batch tflm 560
picture comparison several compare 1240
picture pairs several pairs 340
