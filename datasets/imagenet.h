#pragma once
// ImageNet as people have it on disk: which of the other readers reads it. No picture is read here.
#include "datasets/spec.h"

namespace automask::datasets {

// The reader `imagenet` takes `root` to be
//   a folder with val/ or test/ (and train/) of class folders     image_folder
//   a folder of class folders                                     image_folder, test split only
//   one archive with class folders inside, or a folder with one   tar, test split only
// and, beside the pictures, a list of classes called imagenet_synsets.txt, synset_words.txt or LOC_synset_mapping.txt;
// without one the class folders are the classes, in the order of their names. Other readers' specs are returned as they
// are. Error(invalid_manifest) where nothing of that is there, or several archives are.
DatasetSpec located(const DatasetSpec& spec);

}  // namespace automask::datasets
