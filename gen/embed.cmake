# Writes a C file that holds the bytes of a file: cmake -DINPUT=descriptor_set.pb -DOUTPUT=descriptor_set.c -P embed.cmake
file(READ ${INPUT} bytes HEX)
# 16 bytes a line
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"descriptor_set.h\"

const unsigned char ordershop_descriptor_set[] = {
${bytes}
};
const size_t ordershop_descriptor_set_size = sizeof ordershop_descriptor_set;
")
