namespace AIaaS.Platform.Tests;

/// <summary>Waits, for a bounded time, for what other threads do.</summary>
internal static class Eventually
{
    public static async Task Holds(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
