using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Tests.Messaging;

public sealed class MessageBodiesTests : IDisposable
{
    private const int Maximum = 100;

    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly MessageBodies _bodies;
    private readonly List<string> _handled = [];

    public MessageBodiesTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _bodies = new MessageBodies(_store);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_body_that_fits_is_sent_as_it_is()
    {
        var sent = await PackAsync("short");

        await HandleAsync(sent);

        Assert.Equal("""{"text":"short"}""", sent);
        Assert.Equal(["short"], _handled);
    }

    [Fact]
    public async Task A_body_too_large_for_its_queue_arrives_all_the_same_and_leaves_nothing_behind()
    {
        var text = new string('x', 10 * Maximum);

        var sent = await PackAsync(text);
        var kept = await StoredAsync();
        await HandleAsync(sent);

        Assert.InRange(sent.Length, 1, Maximum);
        Assert.Equal(1, kept);
        Assert.Equal([text], _handled);
        Assert.Equal(0, await StoredAsync());
    }

    [Fact]
    public async Task A_body_whose_handler_failed_is_there_for_the_next_delivery()
    {
        var sent = await PackAsync(new string('x', 10 * Maximum));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => _bodies.HandleAsync<Note>(sent, (_, _) => throw new InvalidOperationException("not yet"), default));

        await HandleAsync(sent);

        Assert.Single(_handled);
    }

    [Fact]
    public async Task A_message_that_was_handled_and_comes_once_more_is_done()
    {
        var sent = await PackAsync(new string('x', 10 * Maximum));
        await HandleAsync(sent);

        await HandleAsync(sent);

        Assert.Single(_handled);
    }

    [Fact]
    public async Task A_message_cannot_name_an_object_that_is_no_body()
    {
        await HandleAsync("""{"bodyAt":"runs/default/secret","text":"harmless"}""");

        Assert.Equal(["harmless"], _handled);
    }

    [Fact]
    public async Task A_message_that_holds_null_is_refused()
        => await Assert.ThrowsAsync<InvalidDataException>(() => HandleAsync("null"));

    private async Task<string> PackAsync(string text)
        => (await _bodies.PackAsync("notes", BinaryData.FromString($$"""{"text":"{{text}}"}"""), Maximum, default)).ToString();

    private Task HandleAsync(string message)
        => _bodies.HandleAsync<Note>(
            message,
            (note, _) =>
            {
                _handled.Add(note.Text);
                return Task.CompletedTask;
            },
            default);

    private async Task<int> StoredAsync() => (await _store.ListAsync(Containers.Catalog, "", 10, null, default)).Items.Count;

    private sealed record Note(string Text);
}
