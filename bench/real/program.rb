# Objects, blocks, hashes, strings, big numbers.
Point = Struct.new(:x, :y) do
  def dist2 = x * x + y * y
end
pts = (0...60_000).map { |i| Point.new(i * 7919 % 1009, i % 83) }
near = pts.sort_by { |p| [p.dist2, p.x] }.first(3).map(&:to_a)
count = Hash.new(0)
120_000.times { |i| count["k#{i % 997}"] += i % 13 }
text = count.map { |k, v| "#{k}=#{v}" }.join(";")
sum = text.scan(/(\w+)=(\d+)/).sum { |_, v| v.to_i }
fact = (1..700).inject(:*)
p near, sum, text.size, fact.to_s.size, fact % 1_000_000_007
