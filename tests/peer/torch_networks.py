#!/usr/bin/python3
"""torch_networks.py NAME FOLDER: torch.pth, torch.onnx and torch.safetensors ("input", "logits") of a network with random
weights; for compare_networks.py. Ends with 77 where there is no torchvision or no such network in it."""
import sys
import warnings

try:
    import torch
    import torchvision
except ImportError:
    sys.exit(77)
import tensors

name, folder = sys.argv[1:]
make = getattr(torchvision.models, name, None)
if make is None:
    sys.exit(77)
warnings.simplefilter("ignore")
torch.manual_seed(3)
torch.set_num_threads(1)
network = make()
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm2d):  # statistics that do something
        torch.nn.init.uniform_(module.weight, 0.7, 1.1)
        torch.nn.init.uniform_(module.bias, -0.2, 0.2)
        module.running_mean.uniform_(-0.2, 0.2)
        module.running_var.uniform_(0.7, 1.1)
torch.save(network.state_dict(), f"{folder}/torch.pth")
network.eval()
picture = torch.randn(2, 3, 224, 224)
with torch.no_grad():
    logits = network(picture)
    torch.onnx.export(network, picture, f"{folder}/torch.onnx", opset_version=13, dynamic_axes={"picture": {0: "N"}},
                      input_names=["picture"], output_names=["logits"])
tensors.write(f"{folder}/torch.safetensors", {"input": picture.numpy(), "logits": logits.numpy()})
