# castiron's functions for CMake 3.20 and newer: in a Zephyr build through zephyr/module.yml, elsewhere
# through find_package(castiron).
#
#   castiron_add_model()            a model as a static library with a C interface
#   castiron_gen_header()           a model's bytes, shapes and quantisation as C
#   castiron_gen_resolver()         TensorFlow Lite Micro's operators for some models
#   castiron_fit_check()            fail the build if models do not fit on the board
#   castiron_add_renode_target()    simulate the firmware in Renode
#   kenning_gen_model_header(), kenning_add_board_repl_target()    as Kenning Zephyr Runtime has them
#
# Each is documented where it is defined.

include_guard(GLOBAL)
cmake_policy(PUSH)
cmake_policy(VERSION 3.20)

include(${CMAKE_CURRENT_LIST_DIR}/tool.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/rust_target.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/generate.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/model.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/fit.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/board.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/kenning.cmake)

cmake_policy(POP)
