using AIaaS.Functions;
using AIaaS.Platform;
using AIaaS.Platform.Security;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
var home = builder.Configuration["AIAAS_HOME"] ?? Path.Combine(Path.GetTempPath(), "aiaas");
FunctionApp.Compose(
    builder,
    PlatformOptions.FromConfiguration(builder.Configuration, home),
    SecurityOptions.FromConfiguration(builder.Configuration, local: false));
await builder.Build().RunAsync();
