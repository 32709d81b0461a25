# Writes embedded.cc: every file of PHIOS_EMBED is taken into the binary by .incbin, in the order given.
function(phios_embed out)
  set(text "// Made by kernel/boot/embed.cmake from the files of userland/.\n#include \"kernel/boot/embedded.h\"\n\n")
  set(programs "")
  set(index 0)
  foreach(path IN LISTS ARGN)
    get_filename_component(name ${path} NAME)
    string(APPEND text "__asm__(\".section .rodata\\n.balign 64\\n.global phios_blob_${index}\\n.global phios_blob_${index}_end\\n\"\n"
                       "        \"phios_blob_${index}:\\n.incbin \\\"${path}\\\"\\nphios_blob_${index}_end:\\n.byte 0\\n.previous\\n\");\n"
                       "extern const char phios_blob_${index}[], phios_blob_${index}_end[];\n")
    if(path MATCHES "/programs/")
      string(APPEND programs "      {\"${name}\", {phios_blob_${index}, static_cast<size_t>(phios_blob_${index}_end - phios_blob_${index})}},\n")
    else()
      string(MAKE_C_IDENTIFIER ${name} id)
      set(blob_${id} "phios_blob_${index}, static_cast<size_t>(phios_blob_${index}_end - phios_blob_${index})")
    endif()
    math(EXPR index "${index} + 1")
  endforeach()
  string(APPEND text "\nnamespace phios {\n\nstd::vector<ProgramRegistry::Builtin> embedded_programs() {\n  return {\n${programs}  };\n}\n\n"
    "std::span<const std::byte> embedded_model() {\n  return std::as_bytes(std::span<const char>(${blob_phi_nano_gguf}));\n}\n\n"
    "std::string_view embedded_isa() { return {${blob_isa_yaml}}; }\n\n"
    "std::string_view embedded_eval_questions(std::string_view name) {\n"
    "  if (name == \"inside\") return {${blob_inside_jsonl}};\n  return {${blob_outside_jsonl}};\n}\n\n}  // namespace phios\n")
  file(GENERATE OUTPUT ${out} CONTENT "${text}")
endfunction()
