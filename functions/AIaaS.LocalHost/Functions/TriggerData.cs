namespace AIaaS.LocalHost.Functions;

/// <summary>What a trigger hands to a function.</summary>
/// <param name="Value">
/// The payload in the trigger's own form: <see cref="Stream"/> for a blob, <see cref="BinaryData"/> for a message,
/// <see cref="Microsoft.AspNetCore.Http.HttpContext"/> for a request.
/// </param>
/// <param name="BindingData">Named values that parameters and <c>FunctionContext.BindingContext</c> get, such as path captures.</param>
internal sealed record TriggerData(object? Value, IReadOnlyDictionary<string, object?> BindingData);

/// <summary>Runs one function through the middleware.</summary>
internal interface IFunctionExecutor
{
    /// <returns>What the function returned, or what middleware put in its place.</returns>
    Task<object?> ExecuteAsync(string functionName, TriggerData data, CancellationToken cancellationToken);
}
