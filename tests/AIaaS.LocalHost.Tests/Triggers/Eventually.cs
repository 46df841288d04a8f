
namespace AIaaS.LocalHost.Tests.Triggers;

/// <summary>Bounded waits for what other tasks do.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Moves time on in small steps until something holds.</summary>
    public static async Task HoldsAsync(SteppedTime time, Func<bool> condition, TimeSpan step)
    {
        using var bound = new CancellationTokenSource(Patience);
        while (!condition())
        {
            Assert.False(bound.IsCancellationRequested, "What was awaited did not come about.");
            time.Advance(step);
            await Task.Delay(2);
        }
    }
}
