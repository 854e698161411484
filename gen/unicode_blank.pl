#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Prints the ranges of characters that show nothing, for services/runtime/base/utf8.c: those with the property
# White_Space or Default_Ignorable_Code_Point, and the format characters (General_Category Cf), by the Unicode data of
# this perl.
#
#   unicode_blank.pl            the ranges
#   unicode_blank.pl --version  the version of Unicode
use strict;
use warnings;
use Unicode::UCD;

if (@ARGV && $ARGV[0] eq '--version') {
  print Unicode::UCD::UnicodeVersion(), "\n";
  exit;
}
my ($begin, $end);
for my $point (0 .. 0x10FFFF + 1) {
  my $blank = $point <= 0x10FFFF && !($point >= 0xD800 && $point <= 0xDFFF)
    && chr($point) =~ /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}]/;
  if ($blank) {
    $begin //= $point;
    $end = $point;
  } elsif (defined $begin) {
    printf "{0x%04X, 0x%04X}\n", $begin, $end;
    undef $begin;
  }
}
