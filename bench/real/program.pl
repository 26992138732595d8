# Hashes, regular expressions, sorting, string building.
use strict;
use warnings;
my %count;
for my $i (1 .. 500000) { $count{"key" . ($i * 7919 % 1009)} += $i % 17; }
my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
my $text = join ' ', map { "name$_=" . ($_ * 31 % 97) . ";" } 1 .. 90000;
my $sum = 0;
$sum += $2 while $text =~ /(\w+)=(\d+);/g;
(my $t = $text) =~ s/(\d+);/<$1>/g;
my @f = (1, 1);
push @f, ($f[-1] + $f[-2]) % 1000003 for 1 .. 100000;
print "@top $sum ", length($t), " $f[-1] ", unpack("%32C*", $t), "\n";
