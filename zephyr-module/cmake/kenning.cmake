# The functions of Kenning Zephyr Runtime's own CMake that applications call, with the same arguments.

# kenning_gen_model_header(<output_path>)
#
# Writes the model CONFIG_KENNING_MODEL_PATH as Kenning's model_data.h: model_spec, QUANTIZATION_*,
# model_data, model_data_len. A relative model is one of the application's source folder. The header is
# part of what `app` waits for, and is written again when the model or its <model>.json changes.
function(kenning_gen_model_header output_path)
  _castiron_parse(1 "" "" "")
  _castiron_kenning_model(model)
  if(NOT model)
    _castiron_error("kenning_gen_model_header() needs a model, and CONFIG_KENNING_MODEL_PATH is empty"
      "set it in prj.conf, or build with -DCONFIG_KENNING_MODEL_PATH=…")
  endif()
  _castiron_check_target(kenning_gen_model_header app)
  _castiron_check_file(model ${model})
  cmake_path(ABSOLUTE_PATH output_path BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  cmake_path(GET model FILENAME shown)
  _castiron_command(
    STAMP ${output_path}.stamp
    OUTPUTS ${output_path}
    ARGUMENTS gen-header ${model} --style kenning --output ${output_path}
    DEPENDS ${model}
    COMMENT "header of ${shown}")
  _castiron_generated_for(app ${output_path}.stamp generate_model_data_h ${model})
endfunction()

# kenning_add_board_repl_target()
#
# Adds a target `board-repl` that writes the Renode platform of the build's devicetree to
# <build>/<board>.repl.
function(kenning_add_board_repl_target)
  _castiron_parse(0 "" "" "")
  set(repl ${CMAKE_CURRENT_BINARY_DIR}/${BOARD}.repl)
  _castiron_board_repl(${repl}.stamp OUTPUTS ${repl} OPTIONS --output ${repl})
  add_custom_target(board-repl DEPENDS ${repl}.stamp)
endfunction()

# The model CONFIG_KENNING_MODEL_PATH, absolute; nothing without one.
function(_castiron_kenning_model model_var)
  set(model ${CONFIG_KENNING_MODEL_PATH})
  if(model)
    set(folder ${CMAKE_CURRENT_SOURCE_DIR})
    if(APPLICATION_SOURCE_DIR)
      set(folder ${APPLICATION_SOURCE_DIR})
    endif()
    cmake_path(ABSOLUTE_PATH model BASE_DIRECTORY ${folder} NORMALIZE)
  endif()
  set(${model_var} "${model}" PARENT_SCOPE)
endfunction()
