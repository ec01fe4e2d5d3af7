# Fails with CAUSE and REMEDY: what a target does that cannot do anything else.
message(FATAL_ERROR "castiron: ${CAUSE}\n  help: ${REMEDY}")
