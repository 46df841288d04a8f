using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests.Training;

public sealed class CounterGeneratorTests
{
    /// <summary>The known answers that come with the authors' Random123 library.</summary>
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void It_is_philox(uint a, uint b, uint c, uint d, uint keyA, uint keyB, uint r1, uint r2, uint r3, uint r4) =>
        Assert.Equal((r1, r2, r3, r4), CounterGenerator.Block((a, b, c, d), (keyA, keyB)));

    [Fact]
    public void A_permutation_holds_each_row_once_and_depends_on_seed_and_stream()
    {
        var rows = new CounterGenerator(1, 2).Permutation(1000);

        Assert.Equal(Enumerable.Range(0, 1000), rows.Order());
        Assert.Equal(rows, new CounterGenerator(1, 2).Permutation(1000));
        Assert.NotEqual(rows, new CounterGenerator(2, 2).Permutation(1000));
        Assert.NotEqual(rows, new CounterGenerator(1, 3).Permutation(1000));
    }
}
